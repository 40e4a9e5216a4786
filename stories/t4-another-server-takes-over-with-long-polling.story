# T4 when the next poll simply arrives elsewhere: nothing is raised for a poll, but the end is. CP-007, CP-152.
server connection on longPolling

A: open 1 connect; A: answered 1; A: start; A: die
----
0s       A: OnConnected

B: open 1 poll; advance 5s; B: answered 1; B: open 2 poll
----
(nothing)

B: abort
----
5s       B: 2 ends: Stopped
5s       B: OnDisconnected(Stopped)

# The poll overtakes the start: the start is told all the same, once.
C: open 1 poll; C: start; C: start
----
5s       C: OnConnected
