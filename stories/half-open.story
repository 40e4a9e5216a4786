# A client goes without a word: power, radio, a middle box that forgets. No packet ever tells the server, and what it
# writes goes into the void. It asks after one keep-alive of silence and waits for the answer for another; then the
# client is away, as after every loss, and has the usual time to come back.
server connection on webSockets

open 1 connect; start; advance 34s; heard 1   # pings are answered, so that nothing happens
----
0s       OnConnected
10s      1 <- keep-alive
20s      1 <- keep-alive
30s      1 <- keep-alive

vanish; advance 40s
----
40s      1 <- keep-alive
40.666666666s 1 <- ping
50s      1 <- keep-alive
54s      1 ends: Silent

# It comes back over a new transport connection. What may still come from the old one is no news.
open 2 reconnect; heard 1; lose 1
----
74s      OnReconnected

# This time nobody comes back.
advance 60s
----
80.666666666s 2 <- ping
84s      2 <- keep-alive
94s      2 ends: Silent
129s     OnDisconnected(TimedOut)

advance 60s; knock
----
194s     Ended
