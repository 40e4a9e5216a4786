use heliostat::hub;

struct ChatHub;

#[hub]
#[authorize]
impl ChatHub {
    #[authorize(require_outgoing = true)]
    fn send(&self) {}

    #[authorize(roles = " , ")]
    fn nobody(&self) {}

    #[authorize = "Admin"]
    fn assigned(&self) {}
}

fn main() {}
