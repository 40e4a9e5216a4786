# T1: an interruption that a client only warns of never ends in a reconnect, although the server may miss the client before:
# client and server each count from what they heard last. The server keeps what carried the connection, and when the client
# is heard again it is simply here. Nothing is lost. CP-001, CP-009.
both machines on webSockets, serverSentEvents, foreverFrame

start; advance 11s; interrupt 15s; advance 10s; publish "in the gap"; advance 10s
----
0s                                                  S: OnConnected
0s       C: started
11s      ~~~ interrupted
23.3s    C: connectionSlow
26s      ~~~ works again
26s      C: received "in the gap"

# The longest gap: it begins right after a keep-alive, and ends right before the client's patience.
advance 10.1s; interrupt 19.8s; advance 10s; publish "in the longest gap"; advance 20s
----
41.1s    ~~~ interrupted
54.3s    C: connectionSlow
60.9s    ~~~ works again
60.9s    C: received "in the longest gap"

stop; advance 1s
----
71.1s    C: disconnected
71.1s                                               S: OnDisconnected(Stopped)
