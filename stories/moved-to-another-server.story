# A client that moved is replaced, not timed out, at the server it left, and may come back to it. CP-224.
server connection on webSockets, serverSentEvents, foreverFrame, longPolling

A: open 1 connect; A: start; advance 2s; A: lose 1; advance 2s; B: open 1 reconnect; A: moved
----
0s       A: OnConnected
4s       B: OnReconnected
4s       A: OnDisconnected(Replaced)
4s       A: forgotten

# Back again: for A it is a stranger.
advance 5s; A: open 2 reconnect; B: moved
----
9s       A: OnReconnected
9s       B: 1 ends: Replaced
9s       B: OnDisconnected(Replaced)
9s       B: forgotten

# A notice about a connection that is over here changes nothing.
A: abort; A: moved; A: knock
----
9s       A: 2 ends: Stopped
9s       A: OnDisconnected(Stopped)
9s       A: Ended
