# The return and the deadline meet: whichever the server hears of first counts, and only that. CP-005, CP-008, CP-218.
server connection on webSockets, serverSentEvents, foreverFrame

open 1 connect; start; lose 1; advance 34.999s; open 2 reconnect; tick; advance 5s
----
0s       OnConnected
34.999s  OnReconnected

lose 2; advance 35s; open 3 reconnect
----
74.999s  OnDisconnected(TimedOut)
74.999s  3 ends: Disconnected
