use heliostat::{ConnectionId, hub};

struct ChatHub;

#[hub]
impl ChatHub {
    #[connected]
    fn first(&self, _id: ConnectionId) {}

    #[connected]
    fn second(&self, _id: ConnectionId) {}

    #[reconnected]
    #[disconnected]
    fn both(&self) {}

    #[disconnected]
    #[authorize]
    fn ruled(&self) {}
}

fn main() {}
