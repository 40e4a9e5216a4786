# T1, the server's part: short interruptions pass unnoticed, a longer one makes the client reconnect. CP-001, CP-003,
# CP-004, CP-009.
server connection on webSockets, serverSentEvents, foreverFrame

open 1 connect; start
----
0s       OnConnected

# Two gaps shorter than the keep-alive timeout: the client is slow, the server writes into the void and notices nothing.
advance 15s; wrote 1; advance 16s
----
10s      1 <- keep-alive
25s      1 <- keep-alive

# The third gap is longer. The client gives its transport connection up; the server may not know of it yet.
advance 22s; open 2 reconnect
----
35s      1 <- keep-alive
45s      1 <- keep-alive
53s      1 ends: Replaced
53s      OnReconnected

# Had the server noticed, it would have waited.
lose 2; advance 20s; open 3 reconnect
----
73s      OnReconnected

abort
----
73s      3 ends: Stopped
73s      OnDisconnected(Stopped)
