use heliostat_client::hub_client;

#[hub_client]
fn no_trait() {}

#[hub_client]
trait Mistakes {
    type Kind;
    async fn waits(&self);
    fn exclusive(&mut self);
    fn without_self();
    fn generic<T>(&self, value: T);
    fn anything(&self, value: impl Sized);
    fn nameless(&self, _: u8);
    #[method]
    fn unnamed(&self);
}

#[hub_client]
trait OfAnotherType {
    fn returns(&self) -> u8;
}

fn main() {}
