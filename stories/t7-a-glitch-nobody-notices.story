# T7: an interruption that no write runs into raises nothing.
server connection on webSockets, serverSentEvents, foreverFrame, longPolling

open 1 connect; start; advance 9s; wrote 1; advance 9s; wrote 1; abort
----
0s       OnConnected
18s      1 ends: Stopped
18s      OnDisconnected(Stopped)
