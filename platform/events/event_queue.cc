#include "platform/events/event_queue.h"

#include <algorithm>

#include "platform/check/check.h"
#include "platform/host_time/host_time.h"

namespace backboard {

EventQueue::ClientId EventQueue::add_client(std::string name, EventRank rank, EventClient& client) {
  BB_CHECK(clients_.size() < UINT16_MAX);
  clients_.push_back({std::move(name), rank, &client});
  return static_cast<ClientId>(clients_.size() - 1);
}

void EventQueue::schedule(uint64_t time_ps, ClientId client, uint64_t tag) {
  BB_CHECK(client < clients_.size(), "client {}", client);
  BB_CHECK(time_ps >= now_ps_, "{}: event at {} ps scheduled at {} ps", clients_[client].name, time_ps, now_ps_);
  events_.insert({time_ps, next_sequence_++, tag, client, static_cast<uint16_t>(clients_[client].rank)});
}

size_t EventQueue::cancel(ClientId client, uint64_t tag) {
  return std::erase_if(events_, [&](const Event& e) { return e.client == client && e.tag == tag; });
}

bool EventQueue::only_of(std::span<const ClientId> clients) const {
  return std::all_of(events_.begin(), events_.end(), [&](const Event& e) {
    return std::find(clients.begin(), clients.end(), e.client) != clients.end();
  });
}

void EventQueue::run_one() {
  BB_CHECK(!events_.empty());
  const Event event = *events_.begin();
  events_.erase(events_.begin());
  now_ps_ = event.time_ps;
  const Client& client = clients_[event.client];
  if (client.rank != EventRank::core) return client.callback->on_event(event.tag, now_ps_);
  const HostSpan span(HostPart::core);
  client.callback->on_event(event.tag, now_ps_);
}

void EventQueue::run_until(uint64_t time_ps) {
  while (next_time_ps() <= time_ps) run_one();
  BB_CHECK(time_ps >= now_ps_);
  now_ps_ = time_ps;
}

void EventQueue::advance_to(uint64_t time_ps) {
  BB_CHECK(time_ps >= now_ps_ && time_ps <= next_time_ps(), "{} ps, now {} ps, next event {} ps", time_ps, now_ps_,
           next_time_ps());
  now_ps_ = time_ps;
}

void EventQueue::state(StateArchive& archive) {
  archive.section("event queue");
  archive.value("now_ps", now_ps_);
  std::vector<Event> events(events_.begin(), events_.end());
  // Numbered anew in their order: what is saved does not tell how often a core has looked up on the way here.
  for (uint64_t i = 0; i < events.size(); ++i) events[i].sequence = i;
  archive.vector("events", events);
  if (!archive.reading()) return;
  next_sequence_ = 0;
  events_.clear();
  for (Event& event : events) {
    event.sequence = next_sequence_++;
    if (event.client >= clients_.size()) archive.fail("events", "an event of a client that this board lacks");
    events_.insert(event);
  }
}

}  // namespace backboard
