//! The thin driver of the [`Fabric`]: TAP devices on the one side, the clock on the other, on a thread of its own so that
//! nothing else in this process holds frames up.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_tun::{Tun, TunBuilder};

use super::fabric::{Cable, Fabric};
use super::pipe::Counts;

/// Frames read and not yet looked at.
const READ_AHEAD: usize = 1_024;
/// Orders not yet obeyed.
const ORDERS: usize = 64;
/// Largest frame: that of a cable's 1,500 bytes, with its header and a tag.
const LARGEST: usize = 1_518;
/// Pause before a device that failed is read again.
const AGAIN: Duration = Duration::from_millis(20);

enum Order {
    Set(usize, Cable),
    Tell(usize, oneshot::Sender<Option<[Counts; 2]>>),
}

/// Running cables. They are gone when it is dropped.
pub struct Emulator {
    orders: mpsc::Sender<Order>,
    devices: Vec<String>,
    thread: Option<JoinHandle<()>>,
}

impl Emulator {
    /// So many TAP devices, named after their number, joined by good cables. Wants root and `/dev/net/tun`.
    ///
    /// # Errors
    /// When a device cannot be made.
    pub async fn start(seed: u64, ports: usize) -> io::Result<Self> {
        let (orders, ordered) = mpsc::channel(ORDERS);
        let (made, ready) = oneshot::channel();
        let thread = thread::Builder::new().name("link-emulator".into()).spawn(move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(made.send(Err(error))),
            };
            runtime.block_on(async {
                match devices(ports) {
                    Ok(taps) => {
                        let names = taps.iter().map(|tap| tap.name().to_owned()).collect();
                        if made.send(Ok(names)).is_ok() {
                            carry(Fabric::new(seed, ports), taps, ordered).await;
                        }
                    }
                    Err(error) => drop(made.send(Err(error))),
                }
            });
        })?;
        let devices = ready.await.map_err(io::Error::other)??;
        Ok(Self { orders, devices, thread: Some(thread) })
    }

    /// The name of a port's device.
    ///
    /// # Panics
    /// When there is no such port.
    #[must_use]
    pub fn device(&self, port: usize) -> &str {
        &self.devices[port]
    }

    /// From now on a port's cable does this.
    pub async fn set(&self, port: usize, cable: Cable) {
        // It ends with this only.
        let _ = self.orders.send(Order::Set(port, cable)).await;
    }

    /// What became of a port's frames, up and down.
    pub async fn counts(&self, port: usize) -> Option<[Counts; 2]> {
        let (tell, told) = oneshot::channel();
        self.orders.send(Order::Tell(port, tell)).await.ok()?;
        told.await.ok()?
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let (none, _) = mpsc::channel(1);
        // The thread ends when nobody can order anything any more.
        drop(std::mem::replace(&mut self.orders, none));
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell.
            let _ = thread.join();
        }
    }
}

fn devices(ports: usize) -> io::Result<Vec<Arc<Tun>>> {
    (0..ports)
        .map(|port| {
            let built = TunBuilder::new().name(&format!("cable{port}")).tap().build();
            let failed = |error| io::Error::other(format!("a TAP device cannot be made: {error}"));
            built.map_err(failed)?.pop().map(Arc::new).ok_or_else(|| io::Error::other("no TAP device"))
        })
        .collect()
}

/// Carries frames until nobody can order anything any more.
async fn carry(mut fabric: Fabric, taps: Vec<Arc<Tun>>, mut orders: mpsc::Receiver<Order>) {
    let (read, mut frames) = mpsc::channel(READ_AHEAD);
    for (port, tap) in taps.iter().enumerate() {
        tokio::spawn(read_all(port, Arc::clone(tap), read.clone()));
    }
    let began = Instant::now();
    loop {
        for (port, frame) in fabric.arrived(began.elapsed()) {
            // A host whose device takes nothing loses it, as it would at a network card.
            let _ = taps[port].try_send(&frame);
        }
        let next = fabric.next();
        tokio::select! {
            biased;
            order = orders.recv() => match order {
                Some(Order::Set(port, cable)) => fabric.set(port, cable),
                // Whoever asked may have gone.
                Some(Order::Tell(port, tell)) => drop(tell.send(fabric.counts(port))),
                None => return,
            },
            Some((port, frame)) = frames.recv() => fabric.receive(began.elapsed(), port, &frame),
            () = sleep_until(began + next.unwrap_or_default()), if next.is_some() => {}
        }
    }
}

async fn read_all(port: usize, tap: Arc<Tun>, read: mpsc::Sender<(usize, Vec<u8>)>) {
    let mut buffer = [0; LARGEST];
    loop {
        match tap.recv(&mut buffer).await {
            Ok(length) => {
                if read.send((port, buffer[..length].to_vec())).await.is_err() {
                    return;
                }
            }
            // It is down, or on its way into another namespace.
            Err(_) => sleep(AGAIN).await,
        }
    }
}
