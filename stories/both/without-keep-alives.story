# Without keep-alives the connection timeout governs every transport: it ends, and the client comes back. CP-212, CP-215.
both machines on webSockets, serverSentEvents, foreverFrame, longPolling; keep-alive off; connection 40s

start; advance 100s; publish "still there"; advance 1s
----
on webSockets:
0s                                                  S: OnConnected
0s       C: started
40s      C: reconnecting
40s                                                 S: OnReconnected
40s      C: reconnected
80s      C: reconnecting
80s                                                 S: OnReconnected
80s      C: reconnected
100s     C: received "still there"
on serverSentEvents, foreverFrame:
0s                                                  S: OnConnected
0s       C: started
40s      C: reconnecting
42s                                                 S: OnReconnected
42s      C: reconnected
82s      C: reconnecting
84s                                                 S: OnReconnected
84s      C: reconnected
100s     C: received "still there"
on longPolling:
0s                                                  S: OnConnected
0s       C: started
100s     C: received "still there"

stop; advance 1s
----
101s     C: disconnected
101s                                                S: OnDisconnected(Stopped)
