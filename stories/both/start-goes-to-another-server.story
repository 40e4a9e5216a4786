# The start request reaches a server that does not carry the connection. Only that one knows of the start, so it raises
# OnConnected; and since the client never comes there, it raises an end. The client does not hear of it, and is welcome there
# when it moves. CP-007, CP-112.
both machines on webSockets, serverSentEvents, foreverFrame, longPolling; servers A and B

start at B; advance 40s; publish "still there"
----
on webSockets, serverSentEvents, foreverFrame:
0s                                                  B: OnConnected
0s       C: started
35s                                                 B: OnDisconnected(TimedOut)
40s      C: received "still there"
on longPolling:
0s                                                  B: OnConnected
0s       C: started
0s                                                  B: OnDisconnected(Replaced)
40s      C: received "still there"

A dies; advance 10s; publish "moved"
----
on webSockets:
40s                                                 A: dies
40s      C: reconnecting
40s                                                 B: OnReconnected
40s      C: reconnected
50s      C: received "moved"
on serverSentEvents, foreverFrame, longPolling:
40s                                                 A: dies
40s      C: reconnecting
42s                                                 B: OnReconnected
42s      C: reconnected
50s      C: received "moved"

stop; advance 1s
----
50s      C: disconnected
50s                                                 B: OnDisconnected(Stopped)
