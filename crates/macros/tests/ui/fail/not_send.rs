use std::rc::Rc;

use heliostat::hub;

struct ChatHub;

#[hub]
impl ChatHub {
    async fn wait(&self) -> u32 {
        let number = Rc::new(1);
        std::future::ready(()).await;
        *number
    }
}

fn main() {}
