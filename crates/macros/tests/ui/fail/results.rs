use heliostat::{Failure, hub};

struct ChatHub;
struct Opaque;
struct NotAnError;

type Outcome = Result<u32, Failure>;

#[hub]
impl ChatHub {
    fn opaque(&self) -> Opaque {
        Opaque
    }

    fn alias(&self) -> Outcome {
        Ok(1)
    }

    fn error(&self) -> Result<u32, NotAnError> {
        Err(NotAnError)
    }

    #[connected]
    fn on_connected(&self) -> u32 {
        1
    }
}

fn main() {}
