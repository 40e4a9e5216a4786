# T3: the client's machine dies, and nothing tells the server but a write that fails at last. CP-003, CP-005, CP-217.
server connection on webSockets, serverSentEvents, foreverFrame

open 1 connect; start; advance 25s
----
0s       OnConnected
10s      1 <- keep-alive
20s      1 <- keep-alive

lose 1; advance 300s
----
60s      OnDisconnected(TimedOut)
160s     forgotten
