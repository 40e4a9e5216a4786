# A client goes without a word: power, radio, a middle box that forgets. No packet ever tells the server, and what it
# writes goes into the void. With each keep-alive it asks whether the client is there. When nothing was heard for two
# keep-alives the client counts as away and has the usual time to come back. What carried it is kept.
server connection on webSockets

open 1 connect; start; advance 35s   # pings are answered, so that nothing happens
----
0s       OnConnected
10s      1 <- keep-alive
20s      1 <- keep-alive
30s      1 <- keep-alive

vanish; advance 30s
----
40s      1 <- keep-alive
40s      1 <- ping
50s      1 is silent: its client counts as away
50s      1 <- keep-alive
60s      1 <- keep-alive

# What was on its way comes late: the client is here again, and nobody hears of anything.
appear; heard 1; advance 20s
----
65s      1 is heard again
70s      1 <- keep-alive
80s      1 <- keep-alive

# This time it comes back over a new transport connection. What may still come from the old one is no news.
vanish; advance 40s
----
90s      1 <- keep-alive
90s      1 <- ping
100s     1 is silent: its client counts as away
100s     1 <- keep-alive
110s     1 <- keep-alive
120s     1 <- keep-alive

open 2 reconnect; heard 1; lose 1
----
125s     1 ends: Replaced
125s     OnReconnected

# And this time nobody comes back.
advance 60s
----
135s     2 <- keep-alive
135s     2 <- ping
145s     2 is silent: its client counts as away
145s     2 <- keep-alive
155s     2 <- keep-alive
165s     2 <- keep-alive
175s     2 <- keep-alive
180s     2 ends: Silent
180s     OnDisconnected(TimedOut)

advance 60s; knock
----
245s     Ended
