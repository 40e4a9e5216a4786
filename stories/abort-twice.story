# A stop is heard once, whether the transport connection is open, lost, or never was. CP-004, CP-160, CP-219, CP-220.
server connection on webSockets, serverSentEvents, foreverFrame, longPolling

open 1 connect; start; abort; abort; lose 1; abort
----
0s       OnConnected
0s       1 ends: Stopped
0s       OnDisconnected(Stopped)

B: open 1 connect; B: start; B: lose 1; advance 2s; B: abort; B: abort
----
0s       B: OnConnected
2s       B: OnDisconnected(Stopped)

# A stop of a connection of which the server knows nothing.
C: abort; C: abort
----
2s       C: forgotten
2s       C: forgotten
