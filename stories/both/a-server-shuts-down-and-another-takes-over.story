# A shutdown: the transport ends, polls are told to reconnect at once. The client goes on with the other server. CP-154, CP-223.
both machines on webSockets, serverSentEvents, foreverFrame, longPolling; servers A and B

start; advance 2s; join 2; advance 1s; A shuts down; publish to group 2 "meanwhile"; advance 5s
----
on webSockets, longPolling:
0s                                                  A: OnConnected
0s       C: started
3s                                                  A: shuts down
3s                                                  A: OnDisconnected(ShuttingDown)
3s       C: reconnecting
3s                                                  B: OnReconnected
3s       C: reconnected
3s       C: received "meanwhile"
on serverSentEvents, foreverFrame:
0s                                                  A: OnConnected
0s       C: started
3s                                                  A: shuts down
3s                                                  A: OnDisconnected(ShuttingDown)
3s       C: reconnecting
5s                                                  B: OnReconnected
5s       C: reconnected
5s       C: received "meanwhile"

stop; advance 1s
----
8s       C: disconnected
8s                                                  B: OnDisconnected(Stopped)
