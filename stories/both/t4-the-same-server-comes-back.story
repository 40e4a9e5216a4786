# T4 with one server: it is back within the disconnect timeout. What an earlier process knew is gone, what the log keeps is
# not. CP-001, CP-007.
both machines on webSockets, serverSentEvents, foreverFrame, longPolling

start; advance 3s; S dies; publish "while nobody was there"
----
0s                                                  S: OnConnected
0s       C: started
3s                                                  S: dies
3s       C: reconnecting

advance 8s; S starts; advance 4s
----
11s                                                 S: starts anew
13s                                                 S: OnReconnected
13s      C: reconnected
13s      C: received "while nobody was there"

stop; advance 1s
----
15s      C: disconnected
15s                                                 S: OnDisconnected(Stopped)
