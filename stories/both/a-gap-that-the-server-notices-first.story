# Client and server each count from what they heard last. A gap that is longer than a client's warning may end, for the
# server, in two keep-alives without an answer, before the client's own patience ends: then the WebSocket is cut and made
# anew, and nothing is lost. A gap shorter than the warning never does that.
both machines on webSockets

start; advance 11s; interrupt 16s; advance 10s; publish "in the gap"; advance 10s
----
0s                                                  S: OnConnected
0s       C: started
11s      ~~~ interrupted
23.3s    C: connectionSlow
27s      ~~~ works again
27s      C: received "in the gap"
27s      C: reconnecting
27s                                                 S: OnReconnected
27s      C: reconnected
