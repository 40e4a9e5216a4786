# Only the receive channel is cut: a call by request is answered while the client is still reconnecting.
both machines on serverSentEvents, foreverFrame, longPolling

start; advance 10s
----
0s                                                  S: OnConnected
0s       C: started

cut seen by both; advance 1s; call; advance 0.5s
----
10s      C: reconnecting
11s      C: calls (1)
11s                                                 S: runs call 1
11s      C: result of call 1

advance 5s
----
12s                                                 S: OnReconnected
12s      C: reconnected
