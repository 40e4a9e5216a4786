# T3 with long polling: the client dies between two polls, or while one is open. CP-005, CP-217, CP-218.
server connection on longPolling

open 1 connect; answered 1; start
----
0s       OnConnected

advance 29s; open 2 poll; answered 2; advance 29s; knock
----
58s      Welcome

advance 300s
----
59s      OnDisconnected(TimedOut)
159s     forgotten
