//! The handle everything in a process shares.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rollcall_model::wire::txt::{Announcement, MAX_BYTES};

use crate::hub::Hub;
use crate::mdns::Mdns;
use crate::{Announced, DiscoveryError, DiscoverySettings, HelloTrust, Sighting, Tag, Watch};

/// Announces and watches. Clones are the same; the last one, with the last [`Announced`], ends it.
#[derive(Clone)]
pub struct Discovery {
    inner: Arc<Inner>,
    /// Whose hellos this clone believes; `None` believes all.
    trust: Option<Arc<HelloTrust>>,
}

enum Medium {
    Off,
    Local,
    Mdns(Mdns),
}

pub(crate) struct Inner {
    medium: Medium,
    hubs: [Arc<Hub>; 3],
    announced: Mutex<Table>,
}

/// What this process announces, by instance.
#[derive(Default)]
struct Table {
    entries: HashMap<String, Entry>,
    last: u64,
}

struct Entry {
    /// Tells a later announcement of the same instance from an earlier one.
    number: u64,
    announcement: Announcement,
    /// When the name was first asked for.
    since: Instant,
}

/// Longer than the network is asked whether somebody else has the name (RFC 6762 §8.1: up to 250 ms, then
/// three times 250 ms). Until then a changed announcement has to wait with the first one: mdns-sd would
/// take it, looped back by the kernel, for the other owner of the name.
const PROBING: Duration = Duration::from_millis(1_500);

impl Drop for Inner {
    fn drop(&mut self) {
        self.hubs.iter().for_each(|hub| hub.close());
    }
}

impl Discovery {
    /// Whether anything can be found this way at all.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !matches!(self.inner.medium, Medium::Off)
    }

    /// Starts multicast DNS on the chosen interfaces; with `mdns = false` the same as [`Discovery::off`].
    /// To be called inside a tokio runtime, as is everything here.
    ///
    /// # Errors
    /// When an interface does not exist, or the port is held by a program that does not share it.
    pub fn start(settings: &DiscoverySettings) -> Result<Self, DiscoveryError> {
        if !settings.mdns {
            return Ok(Self::off());
        }
        let discovery = Self::on(Medium::Mdns(Mdns::start(settings)?));
        if let Medium::Mdns(mdns) = &discovery.inner.medium {
            mdns.monitor(Arc::downgrade(&discovery.inner))?;
        }
        Ok(discovery)
    }

    /// No discovery: announcing does nothing, watches are silent. For networks where everything is configured.
    #[must_use]
    pub fn off() -> Self {
        Self::on(Medium::Off)
    }

    /// Discovery within this process: clones hear each other, nothing leaves. For demos and tests.
    #[must_use]
    pub fn local() -> Self {
        Self::on(Medium::Local)
    }

    fn on(medium: Medium) -> Self {
        let inner = Inner { medium, hubs: Default::default(), announced: Mutex::default() };
        Self { inner: Arc::new(inner), trust: None }
    }

    /// The same discovery for a listener that judges hellos; other clones are not affected.
    #[must_use]
    pub fn trusting(self, trust: HelloTrust) -> Self {
        Self { trust: Some(Arc::new(trust)), ..self }
    }

    /// Hellos that this listener did not believe so far, by reason.
    #[must_use]
    pub fn distrusted(&self) -> BTreeMap<&'static str, u64> {
        self.trust.as_ref().map(|trust| trust.refused()).unwrap_or_default()
    }

    /// Whoever looked for others has found them: from now on an address that this host gets is noticed within a minute and
    /// no longer within seconds, which costs a process that announces nothing most of its wake-ups.
    pub fn settle(&self) {
        if let Medium::Mdns(mdns) = &self.inner.medium {
            mdns.settle();
        }
    }

    /// Announces until the returned value is dropped. A second announcement of the same instance in this
    /// process takes the first one's place.
    ///
    /// # Errors
    /// When the announcement is too large for a TXT record, or multicast DNS does not take it.
    pub async fn announce(&self, announcement: Announcement) -> Result<Announced, DiscoveryError> {
        let instance = announcement.instance();
        let number = self.inner.put(announcement, None).await?;
        Ok(Announced::new(self.inner.clone(), instance, number))
    }

    /// Watches announcements of one tag, this process's own among them. Any number of watches share one
    /// browse, and each begins with what is known.
    #[must_use]
    pub fn watch(&self, tag: Tag) -> Watch {
        let hub = self.inner.hub(tag);
        let watch = hub.watch().trusting(self.trust.clone());
        if let Medium::Mdns(mdns) = &self.inner.medium {
            mdns.browse(tag, hub);
        }
        watch
    }
}

impl std::fmt::Debug for Discovery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let medium = match self.inner.medium {
            Medium::Off => "off",
            Medium::Local => "local",
            Medium::Mdns(_) => "mdns",
        };
        f.debug_tuple("Discovery").field(&medium).finish()
    }
}

impl Table {
    /// Takes an announcement in. Gives its number, and whether its name has to be asked for.
    fn enter(
        &mut self,
        instance: &str,
        announcement: &Announcement,
        own: Option<u64>,
    ) -> Result<(u64, bool), DiscoveryError> {
        let present = self.entries.get(instance);
        if own.is_some() && present.map(|entry| entry.number) != own {
            return Err(DiscoveryError::Replaced { instance: instance.to_owned() });
        }
        let since = present.map_or_else(Instant::now, |entry| entry.since);
        let number = own.unwrap_or(self.last + 1);
        self.last = self.last.max(number);
        let entry = Entry { number, announcement: announcement.clone(), since };
        self.entries.insert(instance.to_owned(), entry);
        Ok((number, since.elapsed() < PROBING))
    }
}

impl Inner {
    fn table(&self) -> MutexGuard<'_, Table> {
        // A table is changed in one step each time.
        self.announced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hub(&self, tag: Tag) -> &Arc<Hub> {
        match tag {
            Tag::Zone => &self.hubs[0],
            Tag::Group => &self.hubs[1],
            Tag::Checkin => &self.hubs[2],
        }
    }

    /// Announces, as a new announcement or as the next state of the numbered one. Gives its number.
    pub(crate) async fn put(&self, announcement: Announcement, own: Option<u64>) -> Result<u64, DiscoveryError> {
        let instance = announcement.instance();
        let bytes = announcement.to_txt().iter().map(|(key, value)| key.len() + value.len() + 2).sum();
        if bytes > MAX_BYTES {
            return Err(DiscoveryError::TooLarge { instance, bytes, max: MAX_BYTES });
        }
        let (number, probe) = self.table().enter(&instance, &announcement, own)?;
        let sent = self.send(&announcement, probe).await;
        if sent.is_err() && own.is_none() {
            self.take(&instance, number);
        }
        sent.map(|()| number)
    }

    async fn send(&self, announcement: &Announcement, probe: bool) -> Result<(), DiscoveryError> {
        let from = match &self.medium {
            Medium::Off => return Ok(()),
            Medium::Local => announcement.addresses().to_vec(),
            Medium::Mdns(mdns) => mdns.register(announcement, probe).await?,
        };
        // To a browse begun later, mdns-sd does not tell what its own process announces.
        let tag = Tag::of(announcement);
        let txt: Vec<_> = announcement.to_txt().into_iter().map(|(key, value)| (key, value.into())).collect();
        self.hub(tag).tell(&Sighting::read(tag, announcement.instance(), &txt, from));
        Ok(())
    }

    /// Removes an announcement from the table, if it is still the numbered one.
    fn take(&self, instance: &str, number: u64) -> Option<Announcement> {
        let mut table = self.table();
        if table.entries.get(instance).is_none_or(|entry| entry.number != number) {
            return None;
        }
        table.entries.remove(instance).map(|entry| entry.announcement)
    }

    /// Says good-bye for the numbered announcement, and waits until it is said.
    pub(crate) async fn withdraw(&self, instance: &str, number: u64) -> Result<(), DiscoveryError> {
        let Some(announcement) = self.take(instance, number) else { return Ok(()) };
        self.hub(Tag::of(&announcement)).tell(&Sighting::Gone { instance: instance.to_owned() });
        match &self.medium {
            Medium::Mdns(mdns) => mdns.unregister(instance).await,
            Medium::Local | Medium::Off => Ok(()),
        }
    }

    /// [`Inner::withdraw`] without waiting.
    pub(crate) fn withdraw_soon(&self, instance: &str, number: u64) {
        let Some(announcement) = self.take(instance, number) else { return };
        self.hub(Tag::of(&announcement)).tell(&Sighting::Gone { instance: instance.to_owned() });
        if let Medium::Mdns(mdns) = &self.medium {
            mdns.unregister_soon(instance);
        }
    }

    /// Announces everything once more, with the addresses of now.
    pub(crate) async fn announce_again(&self) {
        let all: Vec<Announcement> = self.table().entries.values().map(|entry| entry.announcement.clone()).collect();
        for announcement in all {
            if let Err(error) = self.send(&announcement, false).await {
                tracing::warn!(instance = announcement.instance(), %error, "could not be announced again");
            }
        }
    }
}
