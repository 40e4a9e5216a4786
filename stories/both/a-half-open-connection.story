# The connection is cut and nobody is told: each side notices for itself. The client comes back, and nothing is lost; the
# server had noticed by then, or its old transport connection is replaced.
both machines on webSockets, serverSentEvents, foreverFrame

start; advance 5s; cut; publish "into the void"; advance 40s
----
on webSockets:
0s                                                  S: OnConnected
0s       C: started
13.3s    C: connectionSlow
20s      C: reconnecting
20s                                                 S: OnReconnected
20s      C: reconnected
20s      C: received "into the void"
on serverSentEvents, foreverFrame:
0s                                                  S: OnConnected
0s       C: started
13.3s    C: connectionSlow
20s      C: reconnecting
22s                                                 S: OnReconnected
22s      C: reconnected
22s      C: received "into the void"

stop; advance 1s
----
45s      C: disconnected
45s                                                 S: OnDisconnected(Stopped)
