# T6: polls come and go without callbacks, whether they are answered or time out. CP-010, CP-146, CP-148, CP-149, CP-151,
# CP-218.
server connection on longPolling

open 1 connect; answered 1; open 2 poll; start
----
0s       OnConnected

# Idle: a keep-alive each 10 s, then the connection timeout. The answer it causes is no news.
advance 110s; answered 2; open 3 poll
----
10s      2 <- keep-alive
20s      2 <- keep-alive
30s      2 <- keep-alive
40s      2 <- keep-alive
50s      2 <- keep-alive
60s      2 <- keep-alive
70s      2 <- keep-alive
80s      2 <- keep-alive
90s      2 <- keep-alive
100s     2 <- keep-alive
110s     2 ends: ConnectionTimeout

# Busy: each message completes a poll.
advance 1s; wrote 3; answered 3; open 4 poll; advance 1s; wrote 4; answered 4; open 5 poll; wrote 5; answered 5
----
(nothing)

# A message that comes now waits for the next poll.
advance 25s; open 6 poll; wrote 6; answered 6; open 7 poll
----
(nothing)

advance 5s; abort; answered 7
----
142s     7 ends: Stopped
142s     OnDisconnected(Stopped)
