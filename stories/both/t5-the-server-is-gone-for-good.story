# T5: the server vanishes, no packet says so, and nobody takes over: slow, reconnecting, and after the disconnect timeout
# disconnected, with an error and without abort. No server raises anything. CP-225, CP-226, CP-229, CP-233, CP-236.
both machines on webSockets, serverSentEvents, foreverFrame

start; advance 4s
----
0s                                                  S: OnConnected
0s       C: started

S vanishes; advance 60s
----
4s                                                  S: dies
13.3s    C: connectionSlow
20s      C: reconnecting
50s      C: error: the connection could not be re-established within 30s; start a new one after a pause
50s      C: disconnected

stop; advance 60s
----
(nothing)
