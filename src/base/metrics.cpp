// SPDX-License-Identifier: Apache-2.0
#include "base/metrics.h"

#include <algorithm>
#include <charconv>

namespace keelson {
namespace {

void append_number(std::string& out, double value) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value);
  out.append(buffer, end);
}

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\\') {
      out.append("\\\\");
    } else if (c == '"') {
      out.append("\\\"");
    } else if (c == '\n') {
      out.append("\\n");
    } else {
      out.push_back(c);
    }
  }
}

// name{labels,extra} without a value.
void append_series(std::string& out, std::string_view name, std::string_view suffix,
                   const MetricLabels& labels, std::string_view bound = {}) {
  out.append(name).append(suffix);
  if (labels.empty() && bound.empty()) {
    out.push_back(' ');
    return;
  }
  out.push_back('{');
  bool first = true;
  for (const auto& [key, value] : labels) {
    if (!first) out.push_back(',');
    first = false;
    out.append(key).append("=\"");
    append_escaped(out, value);
    out.push_back('"');
  }
  if (!bound.empty()) {
    if (!first) out.push_back(',');
    out.append("le=\"").append(bound).append("\"");
  }
  out.append("} ");
}

}  // namespace

struct Metrics::Series {
  MetricLabels labels;
  Counter counter;
  Gauge gauge;
  std::unique_ptr<Histogram> histogram;
  std::function<double()> value;
};

struct Metrics::Family {
  std::string help;
  std::string kind;
  std::map<MetricLabels, std::unique_ptr<Series>> series;
};

Histogram::Histogram(std::span<const double> bounds)
    : bounds_(bounds.begin(), bounds.end()), counts_(bounds.size() + 1) {}

void Histogram::observe(double value) {
  const auto place = std::lower_bound(bounds_.begin(), bounds_.end(), value);
  counts_[static_cast<std::size_t>(place - bounds_.begin())].fetch_add(1,
                                                                       std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

std::vector<std::uint64_t> Histogram::counts() const {
  std::vector<std::uint64_t> out;
  out.reserve(counts_.size());
  for (const auto& count : counts_) out.push_back(count.load(std::memory_order_relaxed));
  return out;
}

Metrics::Metrics() = default;
Metrics::~Metrics() = default;

Metrics::Series& Metrics::series(std::string_view name, std::string_view help,
                                 std::string_view kind, MetricLabels labels) {
  auto found = families_.find(name);
  if (found == families_.end()) {
    auto family = std::make_unique<Family>();
    family->help = help;
    family->kind = kind;
    found = families_.emplace(std::string(name), std::move(family)).first;
  }
  auto& slot = found->second->series[labels];
  if (!slot) {
    slot = std::make_unique<Series>();
    slot->labels = std::move(labels);
  }
  return *slot;
}

Counter& Metrics::counter(std::string_view name, std::string_view help, MetricLabels labels) {
  std::lock_guard lock(mutex_);
  return series(name, help, "counter", std::move(labels)).counter;
}

Gauge& Metrics::gauge(std::string_view name, std::string_view help, MetricLabels labels) {
  std::lock_guard lock(mutex_);
  return series(name, help, "gauge", std::move(labels)).gauge;
}

Histogram& Metrics::histogram(std::string_view name, std::string_view help,
                              std::span<const double> bounds, MetricLabels labels) {
  std::lock_guard lock(mutex_);
  Series& found = series(name, help, "histogram", std::move(labels));
  if (!found.histogram) found.histogram = std::make_unique<Histogram>(bounds);
  return *found.histogram;
}

void Metrics::gauge_from(std::string_view name, std::string_view help, MetricLabels labels,
                         std::function<double()> value) {
  std::lock_guard lock(mutex_);
  series(name, help, "gauge", std::move(labels)).value = std::move(value);
}

std::string Metrics::text() const {
  std::string out;
  std::lock_guard lock(mutex_);
  for (const auto& [name, family] : families_) {
    out.append("# HELP ").append(name).append(" ").append(family->help);
    out.append("\n# TYPE ").append(name).append(" ").append(family->kind).append("\n");
    for (const auto& [labels, series] : family->series) {
      if (series->histogram) {
        const auto counts = series->histogram->counts();
        const auto bounds = series->histogram->bounds();
        std::uint64_t total = 0;
        for (std::size_t i = 0; i < counts.size(); ++i) {
          total += counts[i];
          std::string bound;
          if (i < bounds.size()) {
            append_number(bound, bounds[i]);
          } else {
            bound = "+Inf";
          }
          append_series(out, name, "_bucket", labels, bound);
          out.append(std::to_string(total)).push_back('\n');
        }
        append_series(out, name, "_sum", labels);
        append_number(out, series->histogram->sum());
        out.push_back('\n');
        append_series(out, name, "_count", labels);
        out.append(std::to_string(total)).push_back('\n');
        continue;
      }
      append_series(out, name, "", labels);
      if (series->value) {
        append_number(out, series->value());
      } else if (family->kind == "counter") {
        out.append(std::to_string(series->counter.value()));
      } else {
        out.append(std::to_string(series->gauge.value()));
      }
      out.push_back('\n');
    }
  }
  return out;
}

}  // namespace keelson
