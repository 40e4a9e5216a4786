use heliostat::{SendError, hub, hub_client};

struct ChatHub;

#[hub(naem = "chat")]
impl ChatHub {
    #[method(nam = "Send")]
    fn send(&self) {}

    #[authorize(role = "Admin")]
    fn ruled(&self) {}

    #[method]
    fn unnamed(&self) {}
}

struct OtherHub;

#[hub(name = "a.b")]
impl OtherHub {}

#[hub_client]
trait ChatClient {
    #[method(title = "Send")]
    fn send(&self) -> Result<(), SendError>;
}

fn main() {}
