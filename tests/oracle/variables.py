"""Where DWARF says that variables of Go functions lie, read with pyelftools: another reader than deferscope's, for its tests."""
from elftools.dwarf.dwarf_expr import DWARFExprParser
from elftools.dwarf.locationlists import LocationEntry


class Variables:
    def __init__(self, elf):
        self.dwarf = elf.get_dwarf_info()
        self.lists = self.dwarf.location_lists()
        self.functions = {}
        for unit in self.dwarf.iter_CUs():
            for die in unit.get_top_DIE().iter_children():
                if die.tag == "DW_TAG_subprogram" and "DW_AT_name" in die.attributes and "DW_AT_low_pc" in die.attributes:
                    self.functions.setdefault(die.attributes["DW_AT_name"].value.decode(errors="replace"), die)
                elif die.tag == "DW_TAG_subprogram" and "DW_AT_abstract_origin" in die.attributes and "DW_AT_low_pc" in die.attributes:
                    origin = die.get_DIE_from_attribute("DW_AT_abstract_origin")
                    if "DW_AT_name" in origin.attributes:
                        self.functions.setdefault(origin.attributes["DW_AT_name"].value.decode(errors="replace"), die)

    def name_of(self, die):
        while "DW_AT_name" not in die.attributes and "DW_AT_abstract_origin" in die.attributes:
            die = die.get_DIE_from_attribute("DW_AT_abstract_origin")
        return die.attributes["DW_AT_name"].value.decode(errors="replace") if "DW_AT_name" in die.attributes else ""

    def type_of(self, die):
        while "DW_AT_type" not in die.attributes and "DW_AT_abstract_origin" in die.attributes:
            die = die.get_DIE_from_attribute("DW_AT_abstract_origin")
        return die.get_DIE_from_attribute("DW_AT_type") if "DW_AT_type" in die.attributes else None

    def frame_offset(self, unit, expression):
        """Of an expression that is CFA + constant; None: anything else."""
        ops = DWARFExprParser(unit.structs).parse_expr(expression)
        names = [op.op_name for op in ops]
        if names == ["DW_OP_call_frame_cfa"]:
            return 0
        if names == ["DW_OP_fbreg"]:
            return ops[0].args[0]
        if names == ["DW_OP_call_frame_cfa", "DW_OP_consts", "DW_OP_plus"]:
            return ops[1].args[0]
        return None

    def at(self, function, offset, innermost):
        """(name, tag, offset from the CFA, size) of the function's own parameters and variables that lie whole in memory at function + offset; of a
        caller, at its CALL and behind it."""
        die = self.functions.get(function)
        if die is None:
            return
        low = die.attributes["DW_AT_low_pc"].value
        pc = low + offset
        for child in die.iter_children():
            if child.tag not in ("DW_TAG_formal_parameter", "DW_TAG_variable") or "DW_AT_location" not in child.attributes:
                continue
            name = self.name_of(child)
            if not name or name.startswith("."):
                continue
            if innermost:
                places = {self.place(die.cu, child, pc)}
            else:
                places = {self.place(die.cu, child, pc - 1), self.place(die.cu, child, pc)}
            if len(places) == 1 and None not in places:
                yield name, child.tag, places.pop(), 8

    def silent(self, function, name):
        """Whether the compiler gives the function's variable no place at all (1.20 and later, of some whose address is taken)."""
        die = self.functions.get(function)
        found = [c for c in die.iter_children() if self.name_of(c) == name] if die is not None else []
        return bool(found) and not any("DW_AT_location" in c.attributes and c.attributes["DW_AT_location"].value != [] for c in found)

    def place(self, unit, die, pc):
        value = die.attributes["DW_AT_location"].value
        if isinstance(value, list):
            return self.frame_offset(unit, value)
        location = self.lists.get_location_list_at_offset(value, die)
        base = unit.get_top_DIE().attributes["DW_AT_low_pc"].value if "DW_AT_low_pc" in unit.get_top_DIE().attributes else 0
        for entry in location:
            if not isinstance(entry, LocationEntry):
                base = entry.base_address
                continue
            begin, end = entry.begin_offset, entry.end_offset
            if not getattr(entry, "is_absolute", False):
                begin, end = begin + base, end + base
            if begin <= pc < end:
                return self.frame_offset(unit, entry.loc_expr)
        return None
