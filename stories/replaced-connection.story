# A newer receive request replaces the older one without callbacks, and late news about the old one is ignored. CP-123,
# CP-139, CP-157.
server connection on webSockets, serverSentEvents, foreverFrame, longPolling

# A browser repeats its first request by itself.
open 1 connect; start; advance 4s; open 2 connect
----
0s       OnConnected
4s       1 ends: Replaced

# Late news about the old one neither ends the connection nor counts as a write to the new one.
advance 5s; lose 1; answered 1; wrote 1; advance 5s
----
14s      2 <- keep-alive

# A client that noticed the loss before the server did.
open 3 reconnect; lose 2; start
----
14s      2 ends: Replaced
14s      OnReconnected

# Two at once: the last one carries.
open 4 reconnect; open 5 reconnect; lose 4; advance 9.9s; abort
----
14s      3 ends: Replaced
14s      OnReconnected
14s      4 ends: Replaced
14s      OnReconnected
23.9s    5 ends: Stopped
23.9s    OnDisconnected(Stopped)
