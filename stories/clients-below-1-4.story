# Clients below 1.4 send no start request: their first connect starts them. CP-113, CP-114.
server connection on webSockets, serverSentEvents, foreverFrame, longPolling

open 1 connect-at-once; advance 3s; open 2 connect-at-once
----
0s       OnConnected
3s       1 ends: Replaced

# The first connect failed on another transport before; connected is still raised once.
lose 2; open 3 connect-at-once; lose 3; open 4 reconnect
----
3s       OnReconnected

abort
----
3s       4 ends: Stopped
3s       OnDisconnected(Stopped)
