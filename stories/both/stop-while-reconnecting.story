# A stop while reconnecting: the abort goes by a request of its own and reaches the server although no transport
# connection does. CP-004, CP-233.
both machines on webSockets, serverSentEvents, foreverFrame, longPolling

start; advance 5s; interrupt 10s; cut seen by client; advance 1s; stop; advance 60s
----
0s                                                  S: OnConnected
0s       C: started
5s       ~~~ interrupted
5s       C: reconnecting
6s       C: disconnected
15s      ~~~ works again
15s                                                 S: OnDisconnected(Stopped)
