// SPDX-License-Identifier: Apache-2.0
// WATCH: events as they come, many in one write when there are many.
#include "api/codec/json.h"
#include "api/codec/protobuf.h"
#include "apiserver/front/http_front.h"
#include "apiserver/front/json_text.h"
#include "apiserver/front/status_json.h"
#include "apiserver/registry/conversion/convert.h"

namespace keelson::apiserver {
namespace {

using namespace std::chrono_literals;

constexpr Duration kWatchMin = 30min;  // Upstream: --min-request-timeout; up to twice as long.

Result<std::string> protobuf_frame(std::string_view type, std::string_view object_json) {
  TRY(const api::Document object, api::parse_json(object_json));
  return api::encode_watch_frame(type, object);
}

std::string error_frame(const Status& status, WireForm form) {
  const std::string json = status_json(status);
  if (form != WireForm::Protobuf) return "{\"type\":\"ERROR\",\"object\":" + json + "}\n";
  auto frame = protobuf_frame("ERROR", json);
  CHECK(frame.has_value());
  return *std::move(frame);
}

// Turns deliveries into what this watcher is to see.
class FrameWriter {
 public:
  FrameWriter(const api::Resource& resource, Output output, RowObject include, Wall now)
      : resource_(resource),
        stored_(stored_form(resource)),
        output_(std::move(output)),
        include_(include),
        now_(now) {}

  // The frames of all deliveries. One alone that needs nothing done to it is shared as it is.
  std::shared_ptr<const std::string> frames(const std::vector<Delivery>& deliveries) const {
    if (output_.serializer->form == WireForm::Protobuf) {
      auto bytes = std::make_shared<std::string>();
      for (const auto& delivery : deliveries) append_protobuf(*bytes, delivery);
      return bytes;
    }
    if (deliveries.size() == 1 && deliveries[0].event && is_plain()) {
      return deliveries[0].event->frame(deliveries[0].type);
    }
    auto text = std::make_shared<std::string>();
    for (const auto& delivery : deliveries) {
      if (delivery.event && is_plain()) {
        text->append(*delivery.event->frame(delivery.type));
      } else {
        text->append(watch_frame(delivery.type, object_text(delivery)));
      }
    }
    return text;
  }

 private:
  void append_protobuf(std::string& out, const Delivery& delivery) const {
    const bool as_stored = delivery.event && is_plain();
    const std::string json =
        as_stored ? delivery.event->seen_as(delivery.type)->json() : object_text(delivery);
    const auto frame = protobuf_frame(watch_type_name(delivery.type), json);
    out.append(frame ? *frame : error_frame(frame.error(), WireForm::Protobuf));
  }

  bool is_plain() const { return output_.form == OutputForm::Object && &resource_ == &stored_; }

  std::string object_text(const Delivery& delivery) const {
    if (delivery.type == WatchType::Bookmark) {
      std::string json = bookmark_json(resource_.api_version(), resource_.kind, delivery.revision,
                                       delivery.initial_events_end);
      if (output_.form == OutputForm::Object) return json;
      auto object = api::Object::from_json(json);
      return object ? shaped(**object, true) : json;
    }
    auto shown = convert(delivery.object, stored_, resource_);
    return shown ? shaped(**shown, false) : delivery.object->json();
  }

  std::string shaped(const api::Object& object, bool bookmark) const {
    switch (output_.form) {
      case OutputForm::Object:
        return object.json();
      case OutputForm::Partial:
        return partial_json(object, output_.table_version);
      case OutputForm::Table:
        break;
    }
    ListResult list;
    list.revision = object.resource_version();
    // A bookmark's row has to carry its object: it is where the annotation is.
    list.items.emplace_back(api::ObjectPtr(), &object);
    return table_json(resource_, list, bookmark ? RowObject::Metadata : include_, now_,
                      output_.table_version);
  }

  const api::Resource& resource_;
  const api::Resource& stored_;
  const Output output_;
  const RowObject include_;
  const Wall now_;
};

}  // namespace

Task<Result<void>> HttpFront::serve_watch(Request& request, const api::Resource& resource,
                                          ListQuery query, Output output) {
  if (output.serializer->form == WireForm::Yaml) {
    co_return fail(Reason::NotAcceptable,
                   "only the following media types are accepted: application/json, "
                   "application/vnd.kubernetes.protobuf;stream=watch");
  }
  const std::string namespace_ = resource.namespaced ? request.call.info.namespace_ : std::string();
  const Duration timeout =
      query.timeout
          ? Duration(*query.timeout)
          : kWatchMin + Duration(static_cast<std::int64_t>(parts_.random.unit() *
                                                           static_cast<double>(kWatchMin.count())));
  auto watcher = co_await parts_.api.registry().watch(resource, namespace_, std::move(query));
  if (!watcher && !watcher.error().is(Reason::Expired)) {
    co_return fail(std::move(watcher).error());
  }
  request.code = 200;
  net::HttpResponse start = head(request, 200, output);
  if (output.serializer->form == WireForm::Protobuf) {
    start.headers.set("Content-Type", std::string(output.serializer->media_type) + ";stream=watch");
  }
  CO_TRY_OK(co_await request.exchange.start(std::move(start)));
  if (!watcher) {
    // Too late for a status line, as far as upstream's clients know: an event says it.
    auto frame =
        std::make_shared<const std::string>(error_frame(watcher.error(), output.serializer->form));
    CO_TRY_OK(co_await request.exchange.write(std::move(frame)));
    co_return co_await request.exchange.finish();
  }

  const std::shared_ptr<Watcher> shared = *std::move(watcher);
  const TimerId deadline = parts_.executor.after(timeout, [weak = std::weak_ptr(shared)] {
    if (const auto live = weak.lock()) live->end();
  });
  const std::stop_callback on_close(request.exchange.closed(), [&shared] { shared->end(); });
  Counter& sent = request_metrics_.watch_events(resource.group, resource.version, resource.kind);
  const FrameWriter writer(resource, output, row_object(request.target), request.call.now);
  Result<void> result;
  while (true) {
    auto deliveries = co_await shared->next();
    if (!deliveries || !*deliveries) break;
    sent.add((*deliveries)->size());
    result = co_await request.exchange.write(writer.frames(**deliveries));
    if (!result) break;
  }
  parts_.executor.cancel(deadline);
  if (!result) co_return result;
  co_return co_await request.exchange.finish();
}

}  // namespace keelson::apiserver
