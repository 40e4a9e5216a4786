# Who comes back after the end is told to stop, however the connection ended and whatever it asks for. CP-008, CP-221.
server connection on webSockets, serverSentEvents, foreverFrame, longPolling; disconnect 6s

open 1 connect; start; abort; knock
----
0s       OnConnected
0s       1 ends: Stopped
0s       OnDisconnected(Stopped)
0s       Ended

open 2 connect; open 3 connect-at-once; open 4 poll; open 5 reconnect; start; abort; disconnect
----
0s       2 ends: Disconnected
0s       3 ends: Disconnected
0s       4 ends: Disconnected
0s       5 ends: Disconnected

# Knocking does not keep the tombstone: it goes 2 x (6 s + 4 s) after the end.
advance 19.9s; open 6 reconnect; advance 0.1s
----
19.9s    6 ends: Disconnected
20s      forgotten
