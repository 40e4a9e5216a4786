# T2 on long polling: the server knows at once that the poll is gone, the client only when it has waited for longer than a
# poll may take. The server has given it up by then: it is told to stop. CP-005, CP-008, CP-221.
both machines on longPolling

start; advance 1s
----
0s                                                  S: OnConnected
0s       C: started

cut seen by server; advance 200s
----
31s                                                 S: OnDisconnected(TimedOut)
120s     C: reconnecting
122s                                                S: tells the late client to stop
122s     C: error: the server ended the connection: the server has ended this connection
122s     C: disconnected
