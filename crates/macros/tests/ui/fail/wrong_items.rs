use heliostat::{SendError, hub, hub_client};

#[hub]
struct ChatHub;

#[hub]
impl Clone for ChatHub {
    fn clone(&self) -> Self {
        Self
    }
}

#[hub_client]
struct Client;

#[hub_client]
trait ChatClient {
    const NAME: &str;
    async fn waits(&self) -> Result<(), SendError>;
    fn forgets(&self);
    fn without() -> Result<(), SendError>;
}

struct Rejoining;

#[hub]
impl Rejoining {
    #[rejoining_groups]
    async fn groups(&self) -> Vec<heliostat::GroupName> {
        Vec::new()
    }
}

fn main() {}
