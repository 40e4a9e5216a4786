# A server that ends closes every transport connection at once. The connections may live on elsewhere, so the
# application is told a reason of its own, and there is no tombstone. CP-154, CP-223.
server connection on webSockets, serverSentEvents, foreverFrame, longPolling

open 1 connect; start; shutdown; knock
----
0s       OnConnected
0s       1 ends: ShuttingDown
0s       OnDisconnected(ShuttingDown)
0s       forgotten
0s       Forgotten

# One that is away, and one that is over.
B: open 1 connect; B: start; B: lose 1; B: shutdown
----
0s       B: OnConnected
0s       B: OnDisconnected(ShuttingDown)
0s       B: forgotten

C: open 1 connect; C: start; C: abort; C: shutdown
----
0s       C: OnConnected
0s       C: 1 ends: Stopped
0s       C: OnDisconnected(Stopped)
0s       C: forgotten
