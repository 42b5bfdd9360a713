// chat/jinja/sequence_filters.h — the filters that walk through items: map, select, sort, join and their like
// (filters.cpp).
#pragma once
#include "chat/jinja/builtins.h"

namespace puna::jinja {

Value batch(Call& call);
Value first_item(Call& call);
Value group_by(Call& call);
Value items_of_dict(Call& call);
Value join_items(Call& call);
Value last_item(Call& call);
Value map_items(Call& call);
Value max_item(Call& call);
Value min_item(Call& call);
Value reject(Call& call);
Value reject_by_attribute(Call& call);
Value reverse_items(Call& call);
Value select(Call& call);
Value select_by_attribute(Call& call);
Value slice_items(Call& call);
Value sort_dict(Call& call);
Value sort_items(Call& call);
Value sum_items(Call& call);
Value to_list(Call& call);
Value unique_items(Call& call);

}  // namespace puna::jinja
