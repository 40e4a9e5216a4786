# T6: polls come and go, quiet and busy, and nothing is raised between connected and disconnected. A poll that brings
# nothing ends after the connection timeout. CP-010, CP-146, CP-152, CP-228.
both machines on longPolling

start
----
0s                                                  S: OnConnected
0s       C: started

advance 500s
----
(nothing)

publish "one"; advance 1s; publish "two"; publish "three"; advance 30s; publish "four"; advance 200s
----
500s     C: received "one"
501s     C: received "two"
501s     C: received "three"
531s     C: received "four"

stop; advance 1s
----
731s     C: disconnected
731s                                                S: OnDisconnected(Stopped)
