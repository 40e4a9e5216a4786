# Two clients, two servers. The first server dies: both clients go on at the second under their ids, and what is said while
# one of them is still away is not lost to it. CP-007.
both machines on webSockets, serverSentEvents; servers A and B; clients C and D

start; D: start; join 1; D: join 1
----
0s                                                  A: OnConnected of C
0s       C: started
0s                                                  A: OnConnected of D
0s       D: started

interrupt 9s; A dies; advance 4s; publish to group 1 "to both"; advance 20s
----
on webSockets:
0s       ~~~ interrupted
0s                                                  A: dies
0s       C: reconnecting
0s       D: reconnecting
0s                                                  B: OnReconnected of D
0s       D: reconnected
4s       D: received "to both"
9s       ~~~ works again
9s                                                  B: OnReconnected of C
9s       C: reconnected
9s       C: received "to both"
on serverSentEvents:
0s       ~~~ interrupted
0s                                                  A: dies
0s       C: reconnecting
0s       D: reconnecting
2s                                                  B: OnReconnected of D
2s       D: reconnected
4s       D: received "to both"
9s       ~~~ works again
9s                                                  B: OnReconnected of C
9s       C: reconnected
9s       C: received "to both"

D: stop; stop; advance 1s
----
24s      D: disconnected
24s                                                 B: OnDisconnected(Stopped) of D
24s      C: disconnected
24s                                                 B: OnDisconnected(Stopped) of C
