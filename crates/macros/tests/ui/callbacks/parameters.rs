use heliostat::{Progress, Reason, State, hub};

struct ChatHub;

#[hub]
impl ChatHub {
    #[connected]
    fn on_connected(&self, state: State) {
        drop(state);
    }

    #[disconnected]
    fn on_disconnected(&self, progress: Progress<u32>, word: String, reason: Reason) {
        drop((progress, word, reason));
    }

    fn method(&self, reason: Reason) {
        drop(reason);
    }
}

fn main() {}
