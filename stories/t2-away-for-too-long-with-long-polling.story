# T2 with long polling: the grace is the disconnect timeout and the long poll delay, no more. CP-005, CP-006, CP-008,
# CP-217, CP-221.
server connection on longPolling; long-poll-delay 2s

open 1 connect; answered 1; start; advance 2s; open 2 poll; advance 3s
----
0s       OnConnected

lose 2; advance 31.9s; knock
----
36.9s    Welcome

advance 0.1s; knock
----
37s      OnDisconnected(TimedOut)
37s      Ended

open 3 reconnect; open 4 poll
----
37s      3 ends: Disconnected
37s      4 ends: Disconnected
