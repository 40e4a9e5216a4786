# stop(), or a page that is closed, navigated or refreshed, which calls it: both sides end at once. A new start is a new
# connection, and nothing of the old one comes to it. CP-002, CP-004, CP-232, CP-233.
both machines on webSockets, serverSentEvents, foreverFrame, longPolling

start; advance 7s; join 1; stop; advance 1s
----
0s                                                  S: OnConnected
0s       C: started
7s       C: disconnected
7s                                                  S: OnDisconnected(Stopped)

publish to group 1 "for those who were in the group"; publish "for nobody"; start; advance 1s; publish "for the new one"
----
8s                                                  S: OnConnected
8s       C: started
9s       C: received "for the new one"

advance 1s; publish to group 1 "the new one is in no group"; advance 100s; stop; advance 60s
----
110s     C: disconnected
110s                                                S: OnDisconnected(Stopped)
