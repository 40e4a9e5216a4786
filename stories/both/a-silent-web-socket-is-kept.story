# What an operator sees of a gap that nobody hears of. The client was written to later than it was heard, so the server misses
# it before it warns. What carries the connection is kept: heard again, the client is here. If it comes back over another
# transport connection before that, the old one is replaced as ever.
both machines on webSockets; show away

start; advance 19s; publish "before the gap"; advance 0.5s; interrupt 18s; advance 10s; publish "in the gap"; advance 10s
----
0s                                                  S: OnConnected
0s       C: started
19s      C: received "before the gap"
19.5s    ~~~ interrupted
30s                                                 S: counts the silent client as away
32.3s    C: connectionSlow
37.5s    ~~~ works again
37.5s    C: received "in the gap"
37.5s                                               S: hears the client again

interrupt 24s; advance 40s
----
39.5s    ~~~ interrupted
52.8s    C: connectionSlow
57.5s                                               S: counts the silent client as away
59.5s    C: reconnecting
63.5s    ~~~ works again
63.5s                                               S: OnReconnected
63.5s    C: reconnected
