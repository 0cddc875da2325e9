// Private to the roles: records and closures opened into fields.
#pragma once
#include <string>
#include <vector>

#include "runtime_model/roles_claims.h"

namespace deferscope::model {

class Objects {
 public:
  Objects(const Guest& guest, const Claims& claims) : g_(guest), claims_(claims) {}

  // The index of what lies at that address, made at the first time; -1: nothing that can be read.
  // `deferred`: what it was for, where its fn is cleared already.
  int defer_record(uint64_t address, uint64_t number, const Function* owner, const std::string& state,
                   const Function* deferred = nullptr);
  int panic_record(uint64_t address, const std::string& title, const std::string& value);
  // Of a closure that captures nothing there is no more to say than its name: -1.
  int closure(uint64_t funcval);
  int find(uint64_t address) const;
  std::vector<Object> take() { return std::move(all_); }
  std::vector<Object>& all() { return all_; }

  // "main.f.func1·f": what a function value is called; empty if it is none.
  std::string funcval_name(uint64_t funcval) const;

 private:
  int add(Object o);
  void add_fields(Object& o, S of, Role role);
  void add_arguments(Object& o, uint64_t siz, const Function* deferred);
  std::string field_text(const RawField& f) const;

  const Guest& g_;
  const Claims& claims_;
  std::vector<Object> all_;
};

}  // namespace deferscope::model
