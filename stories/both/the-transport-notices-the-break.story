# The transport tells both ends of the break: no connectionSlow, straight to reconnecting. WebSockets are tried again at
# once, the others after two seconds. CP-227.
both machines on webSockets, serverSentEvents, foreverFrame, longPolling

start; advance 15s
----
0s                                                  S: OnConnected
0s       C: started

cut seen by both; publish "in between"; advance 5s
----
on webSockets:
15s      C: reconnecting
15s                                                 S: OnReconnected
15s      C: reconnected
15s      C: received "in between"
on serverSentEvents, foreverFrame, longPolling:
15s      C: reconnecting
17s                                                 S: OnReconnected
17s      C: reconnected
17s      C: received "in between"

stop; advance 1s
----
20s      C: disconnected
20s                                                 S: OnDisconnected(Stopped)
