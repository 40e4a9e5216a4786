//! A server's process: started, waited for, and gone when it is dropped.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::error::BenchError;

/// How long a server may take until it listens.
const LISTENS_WITHIN: Duration = Duration::from_secs(15);
/// How often it is asked whether it does.
const ASK_EVERY: Duration = Duration::from_millis(10);
/// Stands for the port in a program's arguments.
pub(crate) const PORT: &str = "{port}";

/// A program and its arguments, in which [`PORT`] stands for the port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) arguments: Vec<String>,
}

/// A server that listens.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Server {
    /// Starts `program` and waits until it listens.
    pub(crate) fn start(program: &Program) -> Result<Self, BenchError> {
        let port = free_port()?;
        let name = program.path.display().to_string();
        let arguments = program.arguments.iter().map(|argument| argument.replace(PORT, &port.to_string()));
        let child = Command::new(&program.path)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| BenchError::NotStarted { program: name.clone(), error })?;
        let mut server = Self { child, port };
        server.wait(name)?;
        Ok(server)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn wait(&mut self, program: String) -> Result<(), BenchError> {
        let begin = Instant::now();
        while TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))).is_err() {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(BenchError::EndedEarly { program, status });
            }
            if begin.elapsed() > LISTENS_WITHIN {
                let seconds = LISTENS_WITHIN.as_secs();
                return Err(BenchError::NotListening { program, port: self.port, seconds });
            }
            std::thread::sleep(ASK_EVERY);
        }
        Ok(())
    }
}

impl Drop for Server {
    /// Nothing of a measured server is of use any more, so it is not asked to end but ended.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody listens on now.
fn free_port() -> Result<u16, BenchError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(BenchError::NoPort)?;
    Ok(listener.local_addr().map_err(BenchError::NoPort)?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(path: &str, arguments: &[&str]) -> Program {
        Program { path: path.into(), arguments: arguments.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = Server::start(&program("/no/such/program", &[])).unwrap_err();
        assert!(error.to_string().contains("/no/such/program could not be started"), "{error}");
    }

    #[test]
    fn a_program_that_ends_at_once_is_not_waited_for() {
        let error = Server::start(&program("/bin/sh", &["-c", "exit 3"])).unwrap_err();
        assert!(matches!(error, BenchError::EndedEarly { status, .. } if status.code() == Some(3)));
    }
}
