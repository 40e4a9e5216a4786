# A keep-alive comes one keep-alive after the last write, never earlier and never later. CP-214, CP-216.
server connection on webSockets, serverSentEvents, foreverFrame; disconnect 60s; keep-alive 15s

open 1 connect; start; advance 15s
----
0s       OnConnected
15s      1 <- keep-alive

# Every write postpones it.
advance 14s; wrote 1; advance 14.9s; wrote 1; advance 14.9s; wrote 1; advance 14.9s
----
(nothing)

advance 0.1s; advance 60s
----
73.8s    1 <- keep-alive
88.8s    1 <- keep-alive
103.8s   1 <- keep-alive
118.8s   1 <- keep-alive
133.8s   1 <- keep-alive

# The clock is that of the transport connection: a new one begins anew, and no one writes to a lost one.
advance 10s; open 2 reconnect; advance 14.9s; lose 2; advance 20s; open 3 reconnect; advance 15s
----
143.8s   1 ends: Replaced
143.8s   OnReconnected
178.7s   OnReconnected
193.7s   3 <- keep-alive
