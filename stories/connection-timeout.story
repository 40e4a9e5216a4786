# Without keep-alives a transport connection of any kind is closed after the connection timeout, and the client comes
# back. CP-146, CP-212, CP-215.
server connection on webSockets, serverSentEvents, foreverFrame, longPolling; keep-alive off; connection 60s

open 1 connect; start; advance 30s; wrote 1; advance 29.9s
----
0s       OnConnected

# Writing does not prolong it.
advance 0.1s; lose 1; open 2 reconnect
----
60s      1 ends: ConnectionTimeout
60s      OnReconnected

advance 60s; advance 29s; abort
----
120s     2 ends: ConnectionTimeout
149s     OnDisconnected(Stopped)
