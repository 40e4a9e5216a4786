# T4: server A dies and its operating system says so: no connectionSlow. The client goes on with server B, which never
# raised connected: same connection, groups kept, nothing lost. CP-001, CP-007, CP-227, CP-231.
both machines on webSockets, serverSentEvents, foreverFrame, longPolling; servers A and B

start; advance 1s; join 1; publish "one"; advance 3s
----
0s                                                  A: OnConnected
0s       C: started
1s       C: received "one"

A dies; publish to group 1 "two"; advance 10s; publish to group 1 "three"; advance 1s
----
on webSockets:
4s                                                  A: dies
4s       C: reconnecting
4s                                                  B: OnReconnected
4s       C: reconnected
4s       C: received "two"
14s      C: received "three"
on serverSentEvents, foreverFrame, longPolling:
4s                                                  A: dies
4s       C: reconnecting
6s                                                  B: OnReconnected
6s       C: reconnected
6s       C: received "two"
14s      C: received "three"

stop; advance 1s
----
15s      C: disconnected
15s                                                 B: OnDisconnected(Stopped)
