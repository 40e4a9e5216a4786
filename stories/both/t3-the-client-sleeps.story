# The machine sleeps for longer than the server waits. Whatever its socket says when it wakes: it was away for too long,
# and says so itself. The server has raised disconnected once, not before its time. CP-005, CP-230.
both machines on webSockets, serverSentEvents, foreverFrame, longPolling

start; advance 5s
----
0s                                                  S: OnConnected
0s       C: started

sleep 100s; advance 150s
----
on webSockets:
5s       C: pauses
55s                                                 S: OnDisconnected(TimedOut)
105s     C: runs again
105s     C: error: this client did not run for 100s, and the server waits for 50s; start a new connection
105s     C: disconnected
on serverSentEvents, foreverFrame:
5s       C: pauses
75s                                                 S: OnDisconnected(TimedOut)
105s     C: runs again
105s     C: error: this client did not run for 100s, and the server waits for 50s; start a new connection
105s     C: disconnected
on longPolling:
5s       C: pauses
60s                                                 S: OnDisconnected(TimedOut)
105s     C: runs again
105s     C: error: this client did not run for 100s, and the server waits for 50s; start a new connection
105s     C: disconnected
