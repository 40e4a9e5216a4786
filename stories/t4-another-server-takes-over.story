# T4: server A dies, the client goes on with server B, which never saw it connect. CP-001, CP-007.
server connection on webSockets, serverSentEvents, foreverFrame, longPolling

A: open 1 connect; A: start; advance 3s
----
0s       A: OnConnected

A: die; advance 7s; B: open 1 reconnect
----
10s      B: OnReconnected

advance 1s; B: abort
----
11s      B: 1 ends: Stopped
11s      B: OnDisconnected(Stopped)

# The same server, restarted, is another server.
C: open 1 connect; C: start; advance 3s; C: die; advance 20s; C: open 1 reconnect
----
11s      C: OnConnected
34s      C: OnReconnected
