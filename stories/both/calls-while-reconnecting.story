# Calls made while reconnecting. Where calls are requests of their own they succeed before the receive channel is back,
# and the answer brings the result; over a WebSocket they fail clearly, and so do those that were under way. CP-234, CP-235.
both machines on webSockets, serverSentEvents, foreverFrame, longPolling; servers A and B

call; start; advance 3s; call; advance 1s
----
0s       C: call refused: the connection is disconnected; start it before sending
0s                                                  A: OnConnected
0s       C: started
3s       C: calls (2)
3s                                                  A: runs call 2
3s       C: result of call 2

A sleeps 50s; call; cut seen by client; advance 1s; call; advance 1s
----
on webSockets:
4s                                                  A: pauses
4s       C: calls (3)
4s       C: call 3 failed
4s       C: reconnecting
5s       C: call refused: the WebSocket is being re-established; send again once the connection has reconnected
on serverSentEvents, foreverFrame, longPolling:
4s                                                  A: pauses
4s       C: calls (3)
4s       C: reconnecting
5s       C: calls (4)

A dies; advance 1s; call; advance 5s; call; advance 1s
----
on webSockets:
6s                                                  A: dies
7s       C: call refused: the WebSocket is being re-established; send again once the connection has reconnected
8s                                                  B: OnReconnected
8s       C: reconnected
12s      C: calls (6)
12s                                                 B: runs call 6
12s      C: result of call 6
on serverSentEvents, foreverFrame, longPolling:
6s                                                  A: dies
6s       C: call 3 failed
6s       C: call 4 failed
7s       C: calls (5)
7s                                                  B: runs call 5
7s       C: result of call 5
8s                                                  B: OnReconnected
8s       C: reconnected
12s      C: calls (6)
12s                                                 B: runs call 6
12s      C: result of call 6
