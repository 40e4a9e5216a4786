# T3: the client's machine dies without a word. The server notices: on a WebSocket by pings that nobody answers, on a stream by
# writes that nobody acknowledges, on a poll when it has answered it. Then the disconnect timeout runs. CP-005.
both machines on webSockets, serverSentEvents, foreverFrame, longPolling

start; advance 5s
----
0s                                                  S: OnConnected
0s       C: started

client dies; advance 200s
----
on webSockets:
5s       C: dies
55s                                                 S: OnDisconnected(TimedOut)
on serverSentEvents, foreverFrame:
5s       C: dies
75s                                                 S: OnDisconnected(TimedOut)
on longPolling:
5s       C: dies
60s                                                 S: OnDisconnected(TimedOut)
